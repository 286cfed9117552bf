#!/bin/sh
# Gives a device a certificate for a key that its TPM 2.0 has made and never gives away: tpm2-tools and curl, openssl with the provider tpm2.
# usage: tpm-enrol.sh NAME FOLDER     (docs/how-to/tpm.md says what is in the environment and in the folder)
set -eu
umask 077
name=$1
cd "$2"
host=${FLEETWARD_HOST:-localhost}
https_port=${FLEETWARD_HTTPS_PORT:-8443}
# Where the key stays in the TPM.
handle=${FLEETWARD_TPM_HANDLE:-0x81010010}

main() {
  if ! [ -s join-token ] || ! [ -s root.pem ]; then
    echo "tpm-enrol.sh: \`$PWD\` needs a join token in \`join-token\` (\`fleetward join-token create --profile tpm-device\`) and the platform's root in \`root.pem\`" >&2
    return 1
  fi
  # A key that is there already is used again: it gets the same certificate if the answer was lost.
  tpm2_readpublic -c "$handle" -o key.pub > /dev/null 2>&1 || make_key
  attest
  challenge
  activate
  enrol
  rm -f join-token key.pub ek.* ak.* attestation signature credential secret request answer
  echo "enrolled: the certificate is in identity.pem, its key in the TPM at $handle"
}

make_key() {
  tpm2_createprimary -Q -C o -G ecc -c parent.ctx
  unload
  tpm2_create -Q -C parent.ctx -G ecc -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign' \
    -u key.pub -r key.priv -c key.ctx
  unload
  tpm2_evictcontrol -Q -C o -c key.ctx "$handle"
  rm -f parent.ctx key.priv key.ctx
  unload
}

# An attestation key, made for this once, says in the name of the TPM what the device's key is.
attest() {
  tpm2_createek -Q -c ek.ctx -G rsa -u ek.pub
  unload
  tpm2_createak -Q -C ek.ctx -c ak.ctx -G ecc -g sha256 -s ecdsa -u ak.pub
  unload
  tpm2_certify -Q -c "$handle" -C ak.ctx -g sha256 -o attestation -s signature
  unload
}

challenge() {
  # The vendor's certificate, where there is one in the TPM; openssl drops what fills it up.
  if tpm2_nvread -Q -C o 0x01c00002 -o ek.nv 2> /dev/null && openssl x509 -inform DER -in ek.nv -outform DER -out ek.der; then
    endorsement="\"ekCertificate\":\"$(base64_of ek.der)\""
  else
    endorsement="\"ekPublic\":\"$(base64_of ek.pub)\""
  fi
  ask tpm-challenges <<END
{$endorsement,"akPublic":"$(base64_of ak.pub)","keyPublic":"$(base64_of key.pub)",
"attestation":"$(base64_of attestation)","signature":"$(base64_of signature)"}
END
}

# Only the TPM of the endorsement key finds the secret, and only while it holds the attestation key.
activate() {
  printf '\272\334\300\336\000\000\000\001' > credential
  member credentialBlob | openssl base64 -d -A >> credential
  member encryptedSecret | openssl base64 -d -A >> credential
  tpm2_startauthsession -Q --policy-session -S session.ctx
  tpm2_policysecret -Q -S session.ctx -c e
  tpm2_activatecredential -Q -c ak.ctx -C ek.ctx -i credential -o secret -P session:session.ctx
  tpm2_flushcontext session.ctx
  rm -f session.ctx
  unload
}

enrol() {
  openssl req -new -provider tpm2 -provider default -propquery '?provider=tpm2' -key "handle:$handle" \
    -subj "/CN=$name" -outform DER -out request
  id=$(member challengeId)
  ask tpm-enrollments <<END
{"challengeId":"$id","secret":"$(base64_of secret)","csr":"$(base64_of request)"}
END
  printf '%b' "$(member chain)" > chain.part
  grep -q 'BEGIN CERTIFICATE' chain.part
  mv chain.part identity.pem
}

# The token by a file descriptor: other users see the arguments of programs.
ask() {
  cat > body
  rm -f answer
  curl --silent --show-error --fail-with-body --max-time 30 --cacert root.pem --config - \
    --header 'Content-Type: application/json' --data-binary @body --output answer \
    "https://$host:$https_port/v1/$1" <<END || { [ ! -f answer ] || { cat answer; echo; } >&2; return 1; }
user = "$name:$(cat join-token)"
END
  rm -f body
}

base64_of() {
  openssl base64 -A -in "$1"
}

member() {
  sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" answer
}

# Without a resource manager what was loaded stays, and there is room for three.
unload() {
  tpm2_flushcontext -t
}

main
