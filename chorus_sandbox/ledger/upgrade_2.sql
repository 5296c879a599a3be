-- What the third version adds: verdicts that are not what a file is worth, and what a person keys.
ALTER TABLE flux ADD COLUMN turned_away INTEGER NOT NULL DEFAULT 0;
ALTER TABLE flux ADD COLUMN unchecked INTEGER NOT NULL DEFAULT 0;
