"""What is done with studies from the pages: assigned, corrected, sent again, erased, one or several at once."""
