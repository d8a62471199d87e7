-- How far recoveries and imports have come.
SELECT 1;
