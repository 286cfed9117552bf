#!/bin/sh
# A device in shell: openssl makes its key, curl enrols and renews it over EST, Mosquitto's clients speak MQTT.
# usage: device.sh NAME FOLDER     (examples/README.md says what is in the environment and in the folder)
set -eu
umask 077
name=$1
cd "$2"
host=${FLEETWARD_HOST:-localhost}
mqtt_port=${FLEETWARD_MQTT_PORT:-8883}
https_port=${FLEETWARD_HTTPS_PORT:-8443}
every_seconds=${FLEETWARD_EVERY_SECONDS:-60}
renew_days=${FLEETWARD_RENEW_DAYS:-120}

# identity.pem has chain and key in one file, so that a renewal replaces both in one step.
main() {
  [ -f identity.pem ] || enrol
  echo 'enrolled'
  while true; do
    openssl x509 -in identity.pem -noout -checkend $((renew_days * 86400)) > /dev/null || renew || true
    # One connection a client id: it listens, then it speaks, in one session that outlives both.
    obey || sleep 1
    speak "telemetry/$name" "{\"uptime\":$(cut -d. -f1 /proc/uptime)}" || sleep 1
  done
}

enrol() {
  # By standard input: other users see the arguments of programs.
  ask simpleenroll --config - <<END
user = "$name:$(cat join-token)"
END
  rm join-token
}

renew() {
  ask simplereenroll --cert identity.pem && echo 'renewed'
}

# A key that is there already is used again: it gets the same certificate if the answer was lost.
ask() {
  operation=$1
  shift
  [ -f next.key ] || { openssl ecparam -name prime256v1 -genkey -noout -out key.part && mv key.part next.key; }
  openssl req -new -key next.key -subj "/CN=$name" -outform DER | openssl base64 > request
  curl --silent --show-error --fail-with-body --max-time 30 --cacert root.pem "$@" \
    --header 'Content-Type: application/pkcs10' --data-binary @request --output answer \
    "https://$host:$https_port/.well-known/est/$operation" || { cat answer >&2; return 1; }
  openssl base64 -d -in answer | openssl pkcs7 -inform DER -print_certs > chain.part
  grep -q 'BEGIN CERTIFICATE' chain.part
  cat next.key >> chain.part
  mv chain.part identity.pem
  rm -f next.key request answer
}

obey() {
  mosquitto_sub $connection -W "$every_seconds" -t "commands/$name" -q 1 | while IFS= read -r command; do
    echo "command: $command"
    printf '%s\n' "$command" >> done.txt
  done
  # What was done is told by the connection that speaks.
  [ ! -s done.txt ] || while IFS= read -r command; do speak "telemetry/$name/done" "$command"; done < done.txt
  rm -f done.txt
}

speak() {
  mosquitto_pub $connection -t "$1" -m "$2" -q 1
}

connection="-h $host -p $mqtt_port --cafile root.pem --cert identity.pem --key identity.pem -i $name -c"
main
