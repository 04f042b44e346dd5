"""Pure decisions: no await, no open, no clock, no subprocess."""
