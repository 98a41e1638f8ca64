"""The database below the store: its address, tables, migrations, and how one transaction runs."""
