"""What the fake does when it is asked: one module per noun, `ANSWERS` knows them all."""
