-- Keys of the API.
SELECT 1;
