"""Long trouble, in a short form for every change and a long one for `make soak`."""
