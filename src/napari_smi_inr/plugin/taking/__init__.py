"""Taking away what is seen: pictures, frozen copies, movies."""
