"""What several tests need: builders, portals, servers, installations. No test stands here."""
