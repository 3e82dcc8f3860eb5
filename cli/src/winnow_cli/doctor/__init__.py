"""`winnow doctor`: what is missing or wrong on this machine and in this installation, one small check each."""
