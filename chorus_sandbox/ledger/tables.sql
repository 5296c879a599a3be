-- The first version of the ledger; upgrade_1.sql adds to it.
-- Instants are milliseconds since 1970 in UTC; days and amounts are text.
CREATE TABLE flux (
    id INTEGER PRIMARY KEY, number TEXT NOT NULL UNIQUE, syntax TEXT NOT NULL,
    interface TEXT NOT NULL, file_name TEXT NOT NULL, size INTEGER NOT NULL,
    sha256 TEXT NOT NULL, deposited_at INTEGER NOT NULL, due_at INTEGER NOT NULL,
    state TEXT NOT NULL, state_at INTEGER NOT NULL,
    technical_errors TEXT NOT NULL DEFAULT '[]', refused_invoices TEXT NOT NULL DEFAULT '[]'
) STRICT;
CREATE INDEX flux_waiting ON flux (id) WHERE state = 'IN_DEPOT_PORTAIL_EN_ATTENTE_TRAITEMENT_SE_CPP';
CREATE TABLE flux_content (
    flux_id INTEGER PRIMARY KEY REFERENCES flux (id), content BLOB NOT NULL
) STRICT;
CREATE TABLE invoice (
    id INTEGER PRIMARY KEY AUTOINCREMENT, flux_id INTEGER NOT NULL REFERENCES flux (id),
    flux_number TEXT NOT NULL, deposited_on TEXT NOT NULL,
    status TEXT NOT NULL, status_at INTEGER NOT NULL, comment TEXT NOT NULL DEFAULT '',
    seller_siret TEXT NOT NULL, seller_name TEXT NOT NULL,
    buyer_siret TEXT NOT NULL, buyer_name TEXT NOT NULL,
    service_code TEXT NOT NULL, service_name TEXT NOT NULL,
    number TEXT NOT NULL, issued_on TEXT NOT NULL, kind TEXT NOT NULL, framework TEXT NOT NULL,
    currency TEXT NOT NULL, net TEXT NOT NULL, gross TEXT NOT NULL, due TEXT NOT NULL,
    contract TEXT NOT NULL, engagement TEXT NOT NULL, preceding TEXT NOT NULL,
    seller_siren TEXT AS (substr(seller_siret, 1, 9)) STORED,
    issue_year TEXT AS (substr(issued_on, 1, 4)) STORED
) STRICT;
CREATE INDEX invoice_identity ON invoice (issue_year, seller_siren, number);
CREATE INDEX invoice_flux ON invoice (flux_number);
CREATE INDEX invoice_number ON invoice (number);
CREATE INDEX invoice_deposit ON invoice (deposited_on, id);
CREATE INDEX invoice_status_at ON invoice (status_at);
CREATE TABLE status (
    id INTEGER PRIMARY KEY AUTOINCREMENT, invoice_id INTEGER NOT NULL REFERENCES invoice (id),
    code TEXT NOT NULL, at INTEGER NOT NULL, comment TEXT NOT NULL
) STRICT;
CREATE INDEX status_invoice ON status (invoice_id);
CREATE TABLE token (
    digest TEXT PRIMARY KEY, expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- Identifiers start far apart: a client that mixes an invoice and a history row up finds nothing
-- instead of something else.
INSERT INTO sqlite_sequence (name, seq)
VALUES ('invoice', 8000000), ('status', 20000000);
-- In the header of the file, so that no other database is mistaken for a ledger.
PRAGMA application_id = 0x43505242;
