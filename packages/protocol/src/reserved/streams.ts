/** Where devices ask for blocks of files: `$aws/things/THING/streams/STREAM/describe|get/json|cbor`. */
export const streamsFilter = '$aws/things/+/streams/+/+/+';
