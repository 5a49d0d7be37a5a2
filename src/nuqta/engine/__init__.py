"""The one door: load, decide, record, commit; and everything a face may ask of the books."""
