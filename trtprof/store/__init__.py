"""One SQLite file with every run imported into it, for any tool that speaks SQL. Schema: the numbered migrations."""
