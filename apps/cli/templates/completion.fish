# Completion of pythond for fish: pythond completion fish > ~/.config/fish/completions/pythond.fish
function __pythond_at --argument-names wanted
    set --local command
    for word in (commandline --tokenize --cut-at-cursor --current-process)[2..-1]
        if contains -- (string join ' ' $command $word) @COMMANDS@
            set command $command $word
        end
    end
    set --local path (string join ' ' $command)
    test "$path" = "$wanted"
end
@CANDIDATES@
