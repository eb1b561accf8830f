"""What starts containers. One narrow interface; nothing outside this room knows which engine it is."""
