"""What becomes of mails on their way and after it: taken, in doubt, bounced, not to be sent."""
