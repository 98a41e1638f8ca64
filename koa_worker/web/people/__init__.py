"""Who may use the page: signing on, the own account, all users."""
