#!/bin/sh
# Makes the secrets that infra/compose.yaml names, a file each; those that are there stay.
#   infra/compose/secrets.sh infra/compose/secrets
set -eu
folder=${1:?name a folder}
mkdir -p "$folder"
# Containers run as other users, so the files can be read, and the folder cannot be entered.
chmod 700 "$folder"

secret() { # NAME TEXT
  if [ ! -e "$folder/$1" ]; then
    printf '%s' "$2" > "$folder/$1"
    chmod 444 "$folder/$1"
  fi
}
random() { head -c 24 /dev/urandom | base64 | tr -d '/+=\n'; }

for name in postgres prefect mlflow redis s3-admin s3-writer s3-reader; do
  secret "$name" "$(random)"
done
secret mlflow-url "postgresql+psycopg2://mlflow:$(cat "$folder/mlflow")@postgres:5432/mlflow"
secret redis.conf "requirepass $(cat "$folder/redis")
appendonly yes"
secret docket-url "redis://:$(cat "$folder/redis")@redis:6379/1"
secret s3.json "{\"identities\": [
  {\"name\": \"admin\", \"credentials\": [{\"accessKey\": \"admin\", \"secretKey\": \"$(cat "$folder/s3-admin")\"}],
   \"actions\": [\"Admin\"]},
  {\"name\": \"writer\", \"credentials\": [{\"accessKey\": \"writer\", \"secretKey\": \"$(cat "$folder/s3-writer")\"}],
   \"actions\": [\"Read:versioning\", \"Write:versioning\", \"List:versioning\"]},
  {\"name\": \"reader\", \"credentials\": [{\"accessKey\": \"reader\", \"secretKey\": \"$(cat "$folder/s3-reader")\"}],
   \"actions\": [\"Read:versioning\", \"List:versioning\"]}]}"
