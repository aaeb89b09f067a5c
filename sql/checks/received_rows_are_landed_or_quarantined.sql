-- Rows: payloads of landed pages that are neither canonical (by id) nor quarantined (by id and version).
SELECT records.system, records.entity, records.native_id, records.version
FROM raw.records
JOIN ops.pulls USING (pull_id)
WHERE pulls.landed_in IS NOT NULL AND NOT records.gone
    AND NOT EXISTS (
        SELECT FROM canonical.quarantine
        WHERE quarantine.system = records.system AND quarantine.entity = records.entity
            AND quarantine.native_id = records.native_id AND quarantine.version = records.version
    )
    AND NOT EXISTS (
        SELECT FROM canonical.row_ids
        WHERE row_ids.entity = records.entity AND row_ids.native_id = records.native_id
    )
