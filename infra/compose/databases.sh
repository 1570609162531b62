#!/bin/sh
# Run by the image of PostgreSQL when its volume is empty: a user and a database for each server.
set -eu
for name in prefect mlflow; do
  psql -v ON_ERROR_STOP=1 -d postgres -v name="$name" -v password="$(cat "/run/secrets/$name")" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
SQL
done
