; What a Linux subject of Muen meets at its start, as a program: 32-bit protected mode without paging, entered at 0x400000.
;
; It looks at the zero page and the ACPI tables, executes what its monitor emulates, and leaves what it saw at 0x1000000,
; one doubleword each; then it prints a line and counts rounds.
org 0x400000
bits 32
RESULT  equ 0x1000000
ROUNDS  equ 0x1000100
STACK   equ 0x1010000
MMCONF  equ 0xf8008000                  ; configuration space of device 1
%macro save 1
        mov [edi], %1
        add edi, 4
%endmacro
start:  mov esp, STACK
        mov edi, RESULT
        movzx eax, byte [0x1e8]         ; 0: entries of the memory map
        save eax
        mov eax, [0x202]                ; 1: version of the boot protocol, magic
        save eax
        mov eax, [0xe0000]              ; 2: the beginning of the RSDP
        save eax
        mov eax, 1                      ; 3..6
        xor ecx, ecx
        cpuid
        save eax
        save ebx
        save ecx
        save edx
        mov eax, 0x40000000             ; 7: a leaf that is in no table
        cpuid
        save eax
        mov ecx, 0x1a0                  ; 8, 9: IA32_MISC_ENABLE
        rdmsr
        save eax
        save edx
        mov eax, 0x5555
        mov edx, 0x6666
        mov ecx, 0x8b                   ; 10, 11: the microcode revision
        rdmsr
        save eax
        save edx
        wrmsr
        rdtsc                           ; 12, 13
        save eax
        save edx
        xor eax, eax                    ; 14, 15: ports without a device
        in al, 0x60
        save eax
        mov dx, 0xcf8
        in eax, dx
        save eax
        mov al, 0x0a                    ; 16, 17: the clock, updating and not
        out 0x70, al
        xor eax, eax
        in al, 0x71
        save eax
        in al, 0x71
        save eax
        mov al, 9                       ; 18: its year
        out 0x70, al
        xor eax, eax
        in al, 0x71
        save eax
        mov eax, [MMCONF]               ; 19: vendor and device
        save eax
        mov eax, 0xffff                 ; 20: the command register takes what is allowed
        mov [MMCONF + 4], eax
        mov eax, [MMCONF + 4]
        save eax
        mov eax, cr0                    ; 21, 22: CR0 without NE, which the monitor adds again
        save eax
        and eax, ~0x20
        mov cr0, eax
        mov eax, cr0
        save eax
        wbinvd
        mov eax, [0x0fff0000]           ; 23: memory that is not there
        save eax
        mov edx, 0x3fd                  ; 24: line status
        xor eax, eax
        in al, dx
        save eax
        mov esi, text
        mov dx, 0x3f8
.print: lodsb
        test al, al
        jz .round
        out dx, al
        jmp .print
.round: inc dword [ROUNDS]
        mov eax, 1
        cpuid
        jmp .round
text:   db "Linux on Muen", 10, 0
