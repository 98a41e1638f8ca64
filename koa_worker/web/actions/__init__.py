"""Actions of the pages on one or several studies: assign, correct, send again, erase."""
