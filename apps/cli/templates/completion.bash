# Completion of pythond for bash. In ~/.bashrc: eval "$(pythond completion bash)"
_pythond() {
  local current="${COMP_WORDS[COMP_CWORD]}" command="" candidates="" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$command ${COMP_WORDS[i]}" in
      @COMMANDS@) command="${command:+$command }${COMP_WORDS[i]}" ;;
    esac
  done
  case "$command" in
    @CANDIDATES@
  esac
  COMPREPLY=($(compgen -W "$candidates" -- "$current"))
}
complete -o default -F _pythond pythond
