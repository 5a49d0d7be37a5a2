"""What pages for people need: templates, the headers that go with them, cookies."""
