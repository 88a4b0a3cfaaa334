"""What is measured: every metric declared once, and the immutable snapshot of all outputs."""
