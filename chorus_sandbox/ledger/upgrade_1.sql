-- What the second version adds to the first.
ALTER TABLE flux ADD COLUMN reports INTEGER NOT NULL DEFAULT 0;
ALTER TABLE flux ADD COLUMN index_delay INTEGER NOT NULL DEFAULT 0;
ALTER TABLE flux ADD COLUMN incident INTEGER NOT NULL DEFAULT 0;
ALTER TABLE invoice ADD COLUMN file_name TEXT NOT NULL DEFAULT '';
ALTER TABLE invoice ADD COLUMN indexed_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE invoice ADD COLUMN rejection_handled INTEGER NOT NULL DEFAULT 0;
CREATE INDEX invoice_status ON invoice (status);
CREATE TABLE attachment (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, media_type TEXT NOT NULL,
    extension TEXT NOT NULL, content BLOB NOT NULL
) STRICT;
CREATE TABLE invoice_attachment (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    invoice_id INTEGER NOT NULL REFERENCES invoice (id),
    attachment_id INTEGER NOT NULL REFERENCES attachment (id),
    designation TEXT NOT NULL, type_code TEXT NOT NULL, line INTEGER
) STRICT;
CREATE INDEX invoice_attachment_invoice ON invoice_attachment (invoice_id);
CREATE TABLE fault (
    id INTEGER PRIMARY KEY AUTOINCREMENT, description TEXT NOT NULL,
    skip INTEGER NOT NULL, remaining INTEGER, ends_at INTEGER
) STRICT;
CREATE TABLE injection (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, kind TEXT NOT NULL,
    path TEXT NOT NULL, planned INTEGER NOT NULL, flux_number TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE TABLE mark (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO sqlite_sequence (name, seq)
VALUES ('attachment', 6900000), ('invoice_attachment', 30000000);
