"""Languages: which one a customer reads, its words, and how it writes sums, days and lists."""
