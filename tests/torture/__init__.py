"""Kill the whole server again and again under load, and count what was lost, wrote on or was left behind."""
