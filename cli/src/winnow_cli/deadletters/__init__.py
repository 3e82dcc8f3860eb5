"""Dead letters: finding, showing, putting back and exporting them."""
