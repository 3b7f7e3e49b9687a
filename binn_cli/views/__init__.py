"""What people see: views only read results."""
