# Pipelines, here-documents, traps, background jobs, wait, set -e, arrays, arithmetic, subshells, process substitution.
cd "$(mktemp -d)"
seq 1 100 | grep 7 | sort -rn | head -5 | tr '\n' ' '
echo
cat <<HERE | sed 's/world/moon/'
hello world, $((6 * 7))
HERE
trap 'echo "trap on exit: $?"' EXIT
trap 'echo "trap on USR1"' USR1
kill -USR1 $$
(sleep 0.2; exit 3) &
background=$!
wait $background
echo "background job ended with $?"
for i in 1 2 3; do (sleep $i; echo "job $i") & done
wait
(set -e; false; echo "not reached")
echo "set -e ended the subshell with $?"
set -o pipefail
false | true
echo "pipefail gives $?"
array=(one "two words" three)
echo "${#array[@]} ${array[1]} ${array[@]:1:2}"
declare -A map=([a]=1 [b]=2)
for key in a b; do echo "$key=${map[$key]}"; done
diff <(printf 'a\nb\n') <(printf 'a\nc\n')
echo "diff gives $?"
read -r first rest <<< "alpha beta gamma"
echo "$first / $rest"
printf '%s\n' {a..e} | paste -sd, -
exec 3> file; echo through descriptor 3 >&3; exec 3>&-; cat file
(kill -TERM $BASHPID); echo "killed subshell gives $?"
coproc CAT { cat; }
echo "to the coprocess" >&"${CAT[1]}"
read -r line <&"${CAT[0]}"
echo "$line"
exec {CAT[1]}>&-
type -t cd; command -v ls
[[ abc =~ ^a(.)c$ ]] && echo "matched ${BASH_REMATCH[1]}"
umask 027; touch new; stat -c %a new
ulimit -n 64; ulimit -n
