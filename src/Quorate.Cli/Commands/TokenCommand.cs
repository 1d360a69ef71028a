using System.CommandLine;
using Quorate.Cli.Rendering;
using Quorate.Crypto.Tokens;

namespace Quorate.Cli.Commands;

/// <summary><c>quorate token new</c>: write access for Trustix clients.</summary>
static class TokenCommand
{
    public static Command Build(CliHost host) => new("token", "Make tokens that let Trustix clients submit") { New(host) };

    static Command New(CliHost host)
    {
        var name = new Argument<string>("NAME") { Description = "The token's name" };
        var output = new Option<string?>("--output") { Description = "The private token file (default: NAME.token)", HelpName = "FILE" };
        var json = CommandLine.Json();
        var command = new Command("new", "Make a write token: a private file for the client, a public line for node.tokens")
        {
            name,
            output,
            json,
        };
        command.Teach(
            "Clients get the file (TRUSTIX_TOKEN=FILE for Trustix's own). A token is a bearer secret: what it sends can be replayed by who sees\n"
                + "it, so use https or a unix socket.",
            "quorate token new ci",
            "quorate token new ci --output /etc/quorate/ci.token"
        );
        command.SetAction(async parse =>
        {
            using var token = Generate(parse.GetRequiredValue(name));
            var path = parse.GetValue(output) ?? token.Name + ".token";
            token.Write(path);
            if (parse.GetValue(json))
            {
                await host.WriteJsonAsync(w =>
                {
                    w.WriteString("name", token.Name);
                    w.WriteString("file", path);
                    w.WriteString("publicToken", token.PublicToken.ToString());
                });
                return ExitCode.Ok;
            }
            await host.Error.WriteLineAsync($"Wrote the private token to {path}. Accept it by adding this to node.tokens:");
            await host.Out.WriteLineAsync(token.PublicToken.ToString());
            return ExitCode.Ok;
        });
        return command;
    }

    static TrustixToken Generate(string name)
    {
        try
        {
            return TrustixToken.Generate(name);
        }
        catch (ArgumentException)
        {
            throw new CliException($"'{name}' cannot be the name of a token: it must be printable, without colon and white space");
        }
    }
}
