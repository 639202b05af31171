"""The nouns on disk: cases, the folders of a run, records, tables, options, resuming."""
