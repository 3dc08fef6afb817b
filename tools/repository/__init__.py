"""What keeps the repository true: versions, Binder, mutations of the library."""
