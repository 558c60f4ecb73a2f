#!/usr/bin/env bash
# The check of action.yml: DRIVER, OPTIONS (one a line), SARIF and REPORT are given in the environment and never become shell text. SERVER, REPOSITORY
# and REF are where the action is kept, which the findings link to.
set -uo pipefail

here=${GITHUB_ACTION_PATH:-$(dirname "$0")/..}
[ -f "$here/packages/cli/dist/main.js" ] || node "$here/tools/ready.mjs" packages/cli || exit

options=()
while IFS= read -r line; do
  [ -z "$line" ] || options+=("$line")
done <<<"${OPTIONS:-}"
[ -z "${REPOSITORY:-}" ] || export DUMPSTACK_HOMEPAGE="$SERVER/$REPOSITORY/tree/$REF"
node "$here/packages/cli/bin/dumpstack.js" check --github --sarif "$SARIF" --html "$REPORT" "${options[@]}" -- "$DRIVER"
code=$?
case $code in
  0) verdict=pass ;;
  1) verdict=fail ;;
  3) verdict=inconclusive ;;
  *) exit "$code" ;;
esac
printf 'verdict=%s\n' "$verdict" >>"$GITHUB_OUTPUT"
exit "$code"
