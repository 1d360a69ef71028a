using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Quorate.Cli.Rendering;

/// <summary>
/// Tables and trees: plain text off a terminal, and never wrapped or cropped to its width, because half a store path is of no use.
/// </summary>
static class Screen
{
    const int UnwrappedWidth = 400;

    // Base64 and paths stay as people and grep expect them; the document goes to a terminal or a file, never into a web page.
    static readonly JsonWriterOptions s_json = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static void Write(this CliHost host, Table renderable)
    {
        var console = AnsiConsole.Create(
            new AnsiConsoleSettings
            {
                Ansi = host.Interactive ? AnsiSupport.Detect : AnsiSupport.No,
                ColorSystem = host.Interactive ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
                Interactive = InteractionSupport.No,
                Out = new AnsiConsoleOutput(host.Out),
            }
        );
        console.Profile.Width = UnwrappedWidth;
        console.Profile.Capabilities.Unicode = true;
        console.Write(renderable);
    }

    public static void Write(this CliHost host, Outline outline)
    {
        // Standard output is not buffered.
        using var text = new StringWriter();
        outline.WriteTo(text, host.Colours);
        host.Out.Write(text);
    }

    public static Table Table(params string[] columns)
    {
        var table = new Table { Border = TableBorder.None, ShowHeaders = true };
        foreach (var column in columns)
        {
            table.AddColumn(
                new TableColumn(new Text(column, new Style(decoration: Decoration.Bold)))
                {
                    Padding = new Padding(0, 0, 2, 0),
                    NoWrap = true,
                }
            );
        }
        return table;
    }

    /// <summary>Cells are foreign text: never markup, no control characters.</summary>
    public static Table Row(this Table table, params string?[] cells) =>
        table.AddRow(cells.Select(c => new Text(Printable(c ?? ""))).ToArray<IRenderable>());

    /// <summary>Control characters could move the cursor or recolour what follows: shown as question marks.</summary>
    public static string Printable(string text) =>
        text.Any(c => char.IsControl(c) && c != '\n') ? string.Concat(text.Select(c => char.IsControl(c) && c != '\n' ? '?' : c)) : text;

    public static async Task WriteJsonAsync(this CliHost host, JsonElement document)
    {
        using var buffer = new MemoryStream();
        await using (var writer = new Utf8JsonWriter(buffer, s_json))
        {
            document.WriteTo(writer);
        }
        await host.Out.WriteLineAsync(Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length));
    }

    /// <summary>Builds and prints a document of our own.</summary>
    public static async Task WriteJsonAsync(this CliHost host, Action<Utf8JsonWriter> members)
    {
        using var buffer = new MemoryStream();
        await using (var writer = new Utf8JsonWriter(buffer, s_json))
        {
            writer.WriteStartObject();
            members(writer);
            writer.WriteEndObject();
        }
        await host.Out.WriteLineAsync(Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length));
    }
}
