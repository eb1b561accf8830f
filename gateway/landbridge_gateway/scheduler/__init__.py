"""What may run now and what follows an event: pure decisions, and the one loop that carries them out."""
