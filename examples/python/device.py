#!/usr/bin/env python3
"""A device in Python: EST by the standard library, the key by openssl, MQTT by paho (Debian: python3-paho-mqtt).

usage: device.py NAME FOLDER     (examples/README.md says what is in the environment and in the folder)
"""

import base64
import os
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request

import paho.mqtt.client as mqtt

HOST = os.environ.get("FLEETWARD_HOST", "localhost")
MQTT_PORT = int(os.environ.get("FLEETWARD_MQTT_PORT", "8883"))
HTTPS_PORT = int(os.environ.get("FLEETWARD_HTTPS_PORT", "8443"))
EVERY_SECONDS = float(os.environ.get("FLEETWARD_EVERY_SECONDS", "60"))
RENEW_DAYS = float(os.environ.get("FLEETWARD_RENEW_DAYS", "120"))
ANSWER_BYTES_MAX = 1 << 20


def main(name, folder):
    os.umask(0o077)
    os.chdir(folder)
    if not os.path.exists("identity.pem"):
        enrol(name)
    print("enrolled", flush=True)
    client = connect(name)
    while True:
        if days_left() < RENEW_DAYS:
            client = renew(name, client)
        with open("/proc/uptime", encoding="ascii") as uptime:
            seconds = int(float(uptime.read().split()[0]))
        client.publish(f"telemetry/{name}", f'{{"uptime":{seconds}}}', qos=1)
        time.sleep(EVERY_SECONDS)


def enrol(name):
    with open("join-token", encoding="ascii") as file:
        token = file.read().strip()
    password = base64.b64encode(f"{name}:{token}".encode()).decode()
    ask(name, "simpleenroll", ssl_context(), {"Authorization": f"Basic {password}"})
    os.remove("join-token")


def renew(name, client):
    """The next certificate, with a new key; where that fails, the next round tries again."""
    try:
        ask(name, "simplereenroll", ssl_context("identity.pem"), {})
    except OSError as error:
        print(f"not renewed: {error}", flush=True)
        return client
    print("renewed", flush=True)
    client.loop_stop()
    client.disconnect()
    return connect(name)


def ask(name, operation, context, headers):
    """EST (RFC 7030 section 4.2). identity.pem has chain and key in one file: a renewal replaces both in one step."""
    # A key that is there already is used again: it gets the same certificate if the answer was lost.
    if not os.path.exists("next.key"):
        run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "key.part")
        os.replace("key.part", "next.key")
    csr = run("openssl", "req", "-new", "-key", "next.key", "-subj", f"/CN={name}", "-outform", "DER")
    request = urllib.request.Request(
        f"https://{HOST}:{HTTPS_PORT}/.well-known/est/{operation}",
        data=base64.encodebytes(csr),
        headers={"Content-Type": "application/pkcs10", **headers},
    )
    try:
        with urllib.request.urlopen(request, context=context, timeout=30) as answer:
            certs_only = base64.b64decode(answer.read(ANSWER_BYTES_MAX))
    except urllib.error.HTTPError as error:
        raise OSError(f"{operation}: {error.code}: {error.read(4096).decode(errors='replace')}") from error
    chain = run("openssl", "pkcs7", "-inform", "DER", "-print_certs", given=certs_only)
    with open("next.key", "rb") as key, open("identity.part", "wb") as file:
        file.write(chain + key.read())
    os.replace("identity.part", "identity.pem")
    os.remove("next.key")


def connect(name):
    """Stays connected, and subscribes anew at each connection: the loop of paho reconnects by itself."""
    version = getattr(mqtt, "CallbackAPIVersion", None)  # paho 2 wants to be told, 1.6 does not know it
    client = mqtt.Client(*([version.VERSION1] if version else []), client_id=name, clean_session=False)
    client.tls_set_context(ssl_context("identity.pem"))
    client.reconnect_delay_set(1, 60)
    client.max_queued_messages_set(100)  # while it is away; without a bound by default
    client.on_connect = lambda _client, _data, _flags, _code: client.subscribe(f"commands/{name}", qos=1)
    client.on_message = lambda _client, _data, message: obey(client, name, message)
    client.connect_async(HOST, MQTT_PORT)
    client.loop_start()
    return client


def obey(client, name, message):
    print(f"command: {message.payload.decode(errors='replace')}", flush=True)
    client.publish(f"telemetry/{name}/done", message.payload, qos=1)


def ssl_context(identity=None):
    context = ssl.create_default_context(cafile="root.pem")
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if identity is not None:
        context.load_cert_chain(identity)
    return context


def days_left():
    end = run("openssl", "x509", "-in", "identity.pem", "-noout", "-enddate").decode()
    return (ssl.cert_time_to_seconds(end.strip().removeprefix("notAfter=")) - time.time()) / 86_400


def run(*command, given=None):
    return subprocess.run(command, input=given, check=True, stdout=subprocess.PIPE).stdout


if len(sys.argv) != 3:
    sys.exit(__doc__)
main(sys.argv[1], sys.argv[2])
