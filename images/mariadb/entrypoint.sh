#!/bin/bash
# Makes the database where there is none yet, and starts the server as the user mysql.
#
# Read when it is made: MARIADB_ROOT_PASSWORD (or MARIADB_RANDOM_ROOT_PASSWORD, or MARIADB_ALLOW_EMPTY_ROOT_PASSWORD),
# MARIADB_DATABASE, MARIADB_USER with MARIADB_PASSWORD; each also with MYSQL_ in front, and as NAME_FILE, a file that holds it. Then *.sh,
# *.sql and *.sql.gz in /docker-entrypoint-initdb.d are run, in order of their names.
set -euo pipefail

[[ ${1-} != -* ]] || set -- mariadbd "$@"
[[ ${1-} == mariadbd || ${1-} == mysqld ]] || exec "$@"
shift

data=/var/lib/mysql
begun=$data/.being-made # an interrupted start begins anew
if [[ $(id -u) == 0 ]]; then
  find "$data" \! -user mysql -exec chown mysql:mysql {} +
  install -d -o mysql -g mysql /run/mysqld
  exec setpriv --reuid=mysql --regid=mysql --init-groups "$0" mariadbd "$@"
fi

setting() { # NAME without its first word
  local prefix name file
  for prefix in MARIADB MYSQL; do
    name=${prefix}_$1 file=${prefix}_$1_FILE
    if [[ -n ${!file-} ]]; then cat "${!file}" && return; fi
    if [[ -n ${!name-} ]]; then printf %s "${!name}" && return; fi
  done
}
quoted() { local text=${1//\\/\\\\}; printf "'%s'" "${text//\'/\\\'}"; }
named() { printf '`%s`' "${1//\`/\`\`}"; }

make_database() {
  local password database user
  password=$(setting ROOT_PASSWORD)
  if [[ -z $password && -n $(setting RANDOM_ROOT_PASSWORD) ]]; then
    password=$(head -c 24 /dev/urandom | base64 -w 0)
    echo "mariadb: the password of root is $password"
  fi
  if [[ -z $password && -z $(setting ALLOW_EMPTY_ROOT_PASSWORD)$(setting ALLOW_EMPTY_PASSWORD) ]]; then
    echo 'mariadb: the database has to be made, and needs a password for root: give one with -e MARIADB_ROOT_PASSWORD=…, a file with MARIADB_ROOT_PASSWORD_FILE, or have one made up with MARIADB_RANDOM_ROOT_PASSWORD=1' >&2
    exit 1
  fi
  database=$(setting DATABASE)
  user=$(setting USER)
  find "$data" -mindepth 1 -maxdepth 1 \! -name lost+found -exec rm -rf {} +
  touch "$begun"
  mariadb-install-db --datadir="$data" --skip-test-db --auth-root-authentication-method=normal >/dev/null
  {
    printf '%s\n' 'USE mysql;' 'FLUSH PRIVILEGES;' # a line is a statement here
    echo "ALTER USER root@localhost IDENTIFIED BY $(quoted "$password");"
    echo "CREATE USER root@'%' IDENTIFIED BY $(quoted "$password");"
    echo "GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;"
    [[ -z $database ]] || echo "CREATE DATABASE $(named "$database");"
    if [[ -n $user ]]; then
      echo "CREATE USER $(quoted "$user")@'%' IDENTIFIED BY $(quoted "$(setting PASSWORD)");"
      [[ -z $database ]] || echo "GRANT ALL ON $(named "${database//_/\\_}").* TO $(quoted "$user")@'%';"
    fi
  } | mariadbd --bootstrap --datadir="$data"
  run_scripts "$password" "$database"
  rm "$begun"
}

run_scripts() { # PASSWORD DATABASE
  local files=(/docker-entrypoint-initdb.d/*) file server
  [[ -e ${files[0]} ]] || return 0
  mariadbd --datadir="$data" --skip-networking &
  server=$!
  export MYSQL_PWD=$1
  until mariadb -uroot -e 'SELECT 1' >/dev/null 2>&1; do
    kill -0 "$server" || exit 1
    sleep 0.2
  done
  local mariadb=(mariadb -uroot ${2:+"$2"})
  for file in "${files[@]}"; do
    echo "mariadb: $file"
    case $file in
    *.sh) bash "$file" ;;
    *.sql) "${mariadb[@]}" <"$file" ;;
    *.sql.gz) gunzip -c "$file" | "${mariadb[@]}" ;;
    esac
  done
  unset MYSQL_PWD
  kill "$server"
  wait "$server"
}

[[ -d $data/mysql && ! -e $begun ]] || make_database
for name in ROOT_PASSWORD PASSWORD; do unset "MARIADB_$name" "MYSQL_$name"; done
exec mariadbd --datadir="$data" "$@"
