# Enrols over EST on TLS 1.2 with a CSR that is linked to its connection by tls-unique (RFC 7030 section 3.5).
# usage: PORT ROOT FOLDER NAME AUTHORIZATION right|wrong|resumed
import base64
import socket
import ssl
import subprocess
import sys

port, root, folder, name, authorization, which = sys.argv[1:]
context = ssl.create_default_context(cafile=root)
context.maximum_version = ssl.TLSVersion.TLSv1_2


def connect(session=None):
    plain = socket.create_connection(("127.0.0.1", int(port)))
    return context.wrap_socket(plain, server_hostname="localhost", session=session)


session = None
if which == "resumed":
    with connect() as first:
        session = first.session
with connect(session) as tls:
    assert tls.session_reused == (which == "resumed")
    binding = tls.get_channel_binding("tls-unique")
    if which == "wrong":
        binding = bytes(len(binding))
    config = f"{folder}/{name}.cnf"
    with open(config, "w") as file:
        file.write("[req]\nprompt = no\ndistinguished_name = dn\nattributes = attrs\n[dn]\nCN = %s\n" % name)
        file.write("[attrs]\nchallengePassword = %s\n" % base64.b64encode(binding).decode())
    made = ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    made += ["-keyout", f"{folder}/{name}.key", "-config", config, "-outform", "DER"]
    body = base64.encodebytes(subprocess.run(made, check=True, capture_output=True).stdout)
    head = "POST /.well-known/est/simpleenroll HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    head += f"Content-Type: application/pkcs10\r\nAuthorization: {authorization}\r\nContent-Length: {len(body)}\r\n\r\n"
    tls.sendall(head.encode() + body)
    while chunk := tls.recv(65536):
        sys.stdout.buffer.write(chunk)
