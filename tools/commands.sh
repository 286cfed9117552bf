# For bash and zsh, from the clone: `. tools/commands.sh` makes the commands of the documentation, in any folder of this
# terminal, on the pinned Node. `npm run fleetward -- …` is the same in one line, in the clone only.
if ! [ -f tools/bootstrap.mjs ] || ! [ -f packages/cli/src/main.ts ]; then
  echo 'fleetward: this is not the clone; go there first: cd CLONE && . tools/commands.sh' >&2
  false
elif node tools/bootstrap.mjs; then # says why, when it fails
  fleetward_clone=$PWD
  fleetward_node=$fleetward_clone/node_modules/.bin/node
  [ -x "$fleetward_node" ] || fleetward_node=node # where no runtime is pinned, such as macOS: Node 24 or newer

  fleetward() {
    "$fleetward_node" --conditions=fleetward-source "$fleetward_clone/packages/cli/src/main.ts" "$@"
  }
  fleetward-agent() {
    "$fleetward_node" --conditions=fleetward-source "$fleetward_clone/packages/device/src/agent/main.ts" "$@"
  }
  fleetward-bundle-agent() {
    "$fleetward_node" "$fleetward_clone/tools/bundle-agent.ts" "$@"
  }
  fleetward-bundle-installer() {
    "$fleetward_node" "$fleetward_clone/tools/bundle-agent.ts" "$1" installer
  }
  fleetward-bundle-starter() {
    "$fleetward_node" "$fleetward_clone/tools/bundle-agent.ts" "$1" starter
  }
  fleetward-starter() {
    "$fleetward_node" --conditions=fleetward-source "$fleetward_clone/packages/device/src/starter/main.ts" "$@"
  }
else
  false
fi
