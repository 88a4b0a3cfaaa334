"""What is measured: every metric declared once, and the immutable snapshot that all outputs share."""
