"""What runs virtual machines: the port that every hypervisor driver fills, and the drivers."""
