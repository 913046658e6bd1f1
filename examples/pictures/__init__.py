"""How every picture of the example collection is drawn: geometry and colours, no picture files."""
