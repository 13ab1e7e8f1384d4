"""The forms that a SQLite file had before it shared its tables with PostgreSQL: 1 to 6."""

from __future__ import annotations

FORMS = (
    """
CREATE TABLE message (
    position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, thread TEXT NOT NULL,
    created REAL NOT NULL, rev INTEGER NOT NULL, asked TEXT NOT NULL, chosen INTEGER
);
CREATE INDEX message_of_thread ON message (thread);
CREATE TABLE version (
    message TEXT NOT NULL REFERENCES message (id) ON DELETE CASCADE, number INTEGER NOT NULL,
    owner TEXT, picture TEXT, content TEXT NOT NULL, PRIMARY KEY (message, number)
);
CREATE INDEX version_of_owner ON version (owner) WHERE owner IS NOT NULL
""",  # the owner of a running version is the process that works on it; a settled version has none
    """
CREATE TABLE hit (key TEXT NOT NULL, at REAL NOT NULL, until REAL NOT NULL);
CREATE INDEX hit_until ON hit (until);
CREATE INDEX version_of_picture ON version (picture) WHERE picture IS NOT NULL
""",  # what counts against a limit, until when
    """
UPDATE version SET content = json_set(
    content, '$.failure', json_object(
        'cause', 'content-filter', 'what', 'Image could not be generated.',
        'why', 'The content filter of the service refused it.',
        'next', 'Change the prompt and send it again.',
        'service_message', json_extract(content, '$.refusal')
    )
) WHERE json_valid(content) AND json_extract(content, '$.reason') = 'content-filter';
UPDATE version SET content = json_set(
    json_remove(content, '$.applied', '$.refusal'), '$.provenance', json_extract(content, '$.applied')
) WHERE json_valid(content) AND json_type(content, '$.applied') = 'object'
""",  # a version's `applied` became its `provenance`, and a refusal a failure like any other
    """
CREATE TABLE upload (
    picture TEXT PRIMARY KEY, thread TEXT NOT NULL, created REAL NOT NULL, content TEXT NOT NULL
);
CREATE TABLE used (
    picture TEXT NOT NULL, message TEXT NOT NULL REFERENCES message (id) ON DELETE CASCADE,
    PRIMARY KEY (picture, message)
) WITHOUT ROWID;
CREATE INDEX used_by_message ON used (message);
CREATE TABLE continuation (picture TEXT PRIMARY KEY, content TEXT NOT NULL)
""",  # pictures that people bring, which messages were sent with which, and what a service needs to go on
    """
CREATE TABLE conversation (
    id TEXT PRIMARY KEY, owner TEXT, title TEXT NOT NULL, created REAL NOT NULL, updated REAL NOT NULL,
    deleted REAL, purged INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX conversation_of_owner ON conversation (owner, updated);
CREATE INDEX upload_of_thread ON upload (thread);
ALTER TABLE message ADD COLUMN deleted REAL;
INSERT INTO conversation (id, owner, title, created, updated)
SELECT thread, NULL, iif(
        json_valid(asked),
        coalesce(substr(trim(replace(json_extract(asked, '$.prompt'), char(10), ' ')), 1, 80), ''), ''
    ), created, (SELECT max(created) FROM message AS other WHERE other.thread = first.thread)
FROM message AS first
WHERE position = (SELECT min(position) FROM message AS other WHERE other.thread = first.thread);
ALTER TABLE message ADD COLUMN last_number INTEGER NOT NULL DEFAULT 0;
ALTER TABLE version ADD COLUMN deleted REAL;
CREATE INDEX message_deleted ON message (deleted) WHERE deleted IS NOT NULL;
CREATE INDEX version_deleted ON version (deleted) WHERE deleted IS NOT NULL;
UPDATE version SET content = json_set(content, '$.turn', number)
WHERE json_valid(content) AND json_type(content, '$.provenance') = 'object'
""",  # conversations of their own, of a visitor (a hash of the key); versions that are begun together share a
    # turn; what is deleted is kept for a while
    """
ALTER TABLE hit ADD COLUMN cost TEXT;
ALTER TABLE hit ADD COLUMN id TEXT;
CREATE UNIQUE INDEX hit_id ON hit (id)
""",  # what a picture costs, and which row to change once that is known better
)
"""What led from each form to the next; the `user_version` of a file counts those that were run."""
