"""What consequences ask of the processor: commands, recorded when one is imposed or lifted."""

from recoup.store.consequences.asking import imposed, lifted

__all__ = ["imposed", "lifted"]
