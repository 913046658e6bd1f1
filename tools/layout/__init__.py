"""Where words stand in a picture: from the boxes of its text to text that keeps rows, columns, bars and axes."""
