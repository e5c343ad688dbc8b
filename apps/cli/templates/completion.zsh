#compdef pythond
# Completion of pythond for zsh. In ~/.zshrc, after compinit: eval "$(pythond completion zsh)"
_pythond() {
  local command="" candidates="" i
  for ((i = 2; i < CURRENT; i++)); do
    case "$command ${words[i]}" in
      @COMMANDS@) command="${command:+$command }${words[i]}" ;;
    esac
  done
  case "$command" in
    @CANDIDATES@
  esac
  compadd -- ${=candidates} || _files
}
compdef _pythond pythond
