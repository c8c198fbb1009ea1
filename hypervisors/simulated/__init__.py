"""The embedded fleet: hosts and virtual machines simulated with the physics of docs/strategies/physics.md."""
