#!/bin/sh
# Starts the server as the user redis. REDIS_PASSWORD, or REDIS_PASSWORD_FILE, is what clients have to know.
set -eu

case ${1-} in
-* | *.conf) set -- redis-server "$@" ;;
esac
[ "${1-}" = redis-server ] || exec "$@"
shift

password=${REDIS_PASSWORD-}
[ -z "${REDIS_PASSWORD_FILE-}" ] || password=$(cat "$REDIS_PASSWORD_FILE")
unset REDIS_PASSWORD REDIS_PASSWORD_FILE

# Who reaches the port is up to the network the container is in; a file of the caller says all by itself.
config=
case ${1-} in
'' | -*) set -- --bind '*' '-::*' --protected-mode no "$@" ;;
*)
  config=$1
  shift
  ;;
esac
drop=
if [ "$(id -u)" = 0 ]; then
  find . \! -user redis -exec chown redis:redis {} +
  drop='setpriv --reuid=redis --regid=redis --init-groups'
fi
if [ -n "$password" ]; then
  # In a file, as `ps` shows words to everybody.
  secret=$(mktemp /tmp/redis.XXXXXX)
  {
    [ -z "$config" ] || printf 'include %s\n' "$config"
    printf 'requirepass "%s"\n' "$(printf %s "$password" | sed 's/[\\"]/\\&/g')"
  } >"$secret"
  [ -z "$drop" ] || chown redis "$secret"
  config=$secret
fi
# shellcheck disable=SC2086
exec $drop redis-server ${config:+"$config"} "$@"
