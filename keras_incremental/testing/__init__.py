"""Laws that every head, loss and callback here passes."""
