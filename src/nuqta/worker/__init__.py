"""The clock as a face: what is done because time passes, not because somebody asks."""
