#!/bin/bash
# Makes the database where there is none yet, and starts the server as the user postgres.
#
# Read when it is made: POSTGRES_PASSWORD (needed), POSTGRES_USER (postgres), POSTGRES_DB (as the user), POSTGRES_INITDB_ARGS,
# POSTGRES_HOST_AUTH_METHOD; each also as NAME_FILE, a file that holds it. Then *.sh, *.sql and *.sql.gz in
# /docker-entrypoint-initdb.d are run, in order of their names.
set -euo pipefail
shopt -s nullglob extglob

[[ ${1-} != -* ]] || set -- postgres "$@"
[[ ${1-} == postgres ]] || exec "$@"

if [[ $(id -u) == 0 ]]; then
  mkdir -p "$PGDATA"
  chmod 700 "$PGDATA"
  find "$PGDATA" \! -user postgres -exec chown postgres:postgres {} +
  install -d -o postgres -g postgres -m 2775 /run/postgresql
  exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi

setting() { # NAME DEFAULT
  local file="${1}_FILE"
  if [[ -n ${!file-} ]]; then cat "${!file}"; else printf %s "${!1:-$2}"; fi
}
new=$PGDATA/.new # made there, and moved when it is whole: an interrupted start begins anew

make_database() {
  local password user database method
  password=$(setting POSTGRES_PASSWORD '')
  user=$(setting POSTGRES_USER postgres)
  database=$(setting POSTGRES_DB "$user")
  method=$(setting POSTGRES_HOST_AUTH_METHOD scram-sha-256)
  if [[ -z $password && $method != trust ]]; then
    echo 'postgres: the database has to be made, and needs a password: give one with -e POSTGRES_PASSWORD=…, or a file with POSTGRES_PASSWORD_FILE' >&2
    exit 1
  fi
  rm -rf "$new"
  # shellcheck disable=SC2086
  initdb -D "$new" --username="$user" --auth-local=trust --auth-host="$method" \
    ${password:+--pwfile=<(printf '%s\n' "$password")} ${POSTGRES_INITDB_ARGS-}
  printf '\nhost all all all %s\n' "$method" >>"$new/pg_hba.conf"
  pg_ctl -D "$new" -w -o "-c listen_addresses='' -p 5432" start
  local psql=(psql -v ON_ERROR_STOP=1 --no-psqlrc --username "$user")
  if [[ $database != postgres ]]; then
    "${psql[@]}" --dbname postgres --set "db=$database" <<<'CREATE DATABASE :"db";'
  fi
  local file
  for file in /docker-entrypoint-initdb.d/*; do
    echo "postgres: $file"
    case $file in
    *.sh) POSTGRES_USER=$user POSTGRES_DB=$database bash "$file" ;;
    *.sql) "${psql[@]}" --dbname "$database" -f "$file" ;;
    *.sql.gz) gunzip -c "$file" | "${psql[@]}" --dbname "$database" ;;
    esac
  done
  pg_ctl -D "$new" -w -m fast stop
  touch "$new/.whole"
}

if [[ ! -s $PGDATA/PG_VERSION ]]; then
  [[ -e $new/.whole ]] || make_database
  shopt -s dotglob
  # What says that there is a database comes last.
  for each in "$new"/!(PG_VERSION|.whole); do mv "$each" "$PGDATA/"; done
  mv "$new/PG_VERSION" "$PGDATA/"
fi
rm -rf "$new"
unset POSTGRES_PASSWORD POSTGRES_PASSWORD_FILE
exec "$@" -c listen_addresses='*'
